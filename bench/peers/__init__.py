"""What Easel is compared with. Each module runs in `.venv-bench` or `.venv-peers`, not in Easel's environment."""
