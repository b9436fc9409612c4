"""How a classifier fares on corrupted images."""
