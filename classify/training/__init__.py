"""Training: what learns, step by step, and what is chosen on val once it ends."""
