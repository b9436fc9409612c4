"""One study through the subsystems: what classifier, archive and engine say of each image.

The subsystems do not know each other; this floor takes one's result to the next as a plain value.
"""
