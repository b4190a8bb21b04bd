"""From a history to decisions: pure, without clock, I/O or AWS. The one door is ``engine.Engine.decide``."""
