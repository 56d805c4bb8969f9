"""The laptop cloud: Easel with everything around it, on one machine."""
