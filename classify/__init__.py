"""CNN classifier: losses, model, training, evaluation, operating points, prediction."""
