"""Splits that keep together what belongs together: patients, parent images, equal pictures."""
