"""Facts in, effects out: where records go when the stages are done with them."""
