"""Synthetic radiographs drawn from anatomy and X-ray attenuation."""
