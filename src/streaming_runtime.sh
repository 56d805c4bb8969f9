#!/bin/sh
# The exec wrapper (AWS_LAMBDA_EXEC_WRAPPER) of functions whose answers are streams. Lambda calls it with the command of
# the managed runtime; only the interpreter, its first word, is kept. ADR 0031 says why.
cd "$LAMBDA_TASK_ROOT" && exec "$1" -u -m streaming_runtime
