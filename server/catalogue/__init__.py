"""What is publicly known of models: limits, abilities, tiers and retirement."""
