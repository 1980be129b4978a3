from decimal import MAX_EMAX as MAX_EMAX
from decimal import MAX_PREC as MAX_PREC
from decimal import MIN_EMIN as MIN_EMIN

__pyx_capi__: dict[str, object]
