"""medx: classify, search and describe medical images. Research use only."""
