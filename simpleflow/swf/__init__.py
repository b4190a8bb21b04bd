"""SWF as its client sees it, Amazon's or the embedded one: the same code above, another endpoint below."""
