"""Values to text and back: the JSON codec and the limits of Amazon SWF's fields."""
