"""A call without the people in it: who called whom from where is masked, and what was said is silence."""
