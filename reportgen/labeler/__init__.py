"""What a free-text report states: findings, their certainty, place and course."""
