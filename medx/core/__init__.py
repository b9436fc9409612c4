"""The kernel: images, run folders, settings, console, registry, errors; knows nothing above it."""
