"""What a case takes that reports in general do not; imports nothing heavy."""

#: A case has one report, and it should say what it rests on.
STRATEGY = "grounded"
