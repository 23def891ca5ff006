"""What is kept: the warehouse of facts, the engine that computes them, and the config store of what people set up."""
