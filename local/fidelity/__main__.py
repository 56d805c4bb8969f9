"""Runs MiniStack with the rules of AWS that it lacks: python -m local.fidelity (in MiniStack's environment)."""

from ministack import app as ministack

from local.fidelity import condition_keys, loops

if __name__ == "__main__":
    for rules in (condition_keys, loops):
        rules.install()
    ministack.app = condition_keys.count_as_tls(ministack.app)
    ministack.main()
