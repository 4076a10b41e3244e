"""How many processors there are, for libraries that would ask the machine. Runs in the train jail.

joblib asks `lscpu` for physical cores, finds none in a jail, says so in ten lines with a traceback, and then takes the
number that LOKY_MAX_CPU_COUNT gives it, as it is told to here beforehand. LightGBM asks joblib at every fit.
"""

from __future__ import annotations


def settle() -> None:
    """Say the number that joblib would come to; where another joblib keeps it elsewhere, it asks as before."""
    try:
        from joblib.externals.loky.backend import context

        if hasattr(context, "physical_cores_cache"):
            context.physical_cores_cache = context.cpu_count()
    except (ImportError, ValueError):
        return
