"""What a report states against what else is known, and answers that are none."""
