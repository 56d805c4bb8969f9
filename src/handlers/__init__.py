"""One module per Lambda function, thin: event in, one call, answer out.

Each ends its start with `composition.process.start`. Until then, the collector of reference cycles would look again
and again at what the imports make, which nothing lets go of.
"""

import gc

gc.disable()
