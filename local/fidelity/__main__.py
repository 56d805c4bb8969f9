"""Runs MiniStack with the rules of AWS that it lacks: python -m local.fidelity (in MiniStack's environment)."""

from ministack import app as ministack

from local.fidelity import condition_keys

if __name__ == "__main__":
    condition_keys.install()
    ministack.app = condition_keys.count_as_tls(ministack.app)
    ministack.main()
