"""Runs MiniStack with the rules of AWS that it lacks: python -m local.fidelity (in MiniStack's environment)."""

from ministack import app as ministack

from local.fidelity import condition_keys, deletion, front_ends, functions, loops

if __name__ == "__main__":
    for rules in (condition_keys, loops, functions, front_ends, deletion):
        rules.install()
    ministack.app = front_ends.refuse_two_mechanisms(condition_keys.count_as_tls(ministack.app))
    ministack.main()
