"""How far to trust a prediction: calibration, thresholds, sets, unlike images, label shift."""
