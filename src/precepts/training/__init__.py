"""Losses, supervised finetuning, the preference model, the policy. Torch lives here."""
