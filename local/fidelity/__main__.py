"""Runs MiniStack with the rules of AWS that it lacks: python -m local.fidelity (in MiniStack's environment)."""

from ministack import app as ministack

from local.fidelity import condition_keys, deletion, front_ends, functions, loops, streaming

if __name__ == "__main__":
    for rules in (condition_keys, loops, functions, streaming, front_ends, deletion):
        rules.install()
    ministack.app = front_ends.refuse_two_mechanisms(condition_keys.count_as_tls(ministack.app))
    ministack.main()
