"""Draft reports that cite their evidence: prompt strategies, engines (MedGemma, mock), pages."""
