"""A report in the forms that clinics and readers use."""
