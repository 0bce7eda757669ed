"""Every word sent to a model: templates, demonstrations, and the two shapes of a conversation."""
