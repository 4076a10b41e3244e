"""How many minutes after schedule does this flight arrive? Gradient boosting on the timetable.

Delays have a long tail, so the loss is the absolute error, and the date is left out: with one winter
to learn from, the trees would learn its snowstorms by heart.
"""

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

WORDS = ["carrier", "origin", "dest"]
NUMBERS = ["hour", "distance"]


def train(data: pd.DataFrame, params: dict[str, float]) -> Pipeline:
    """Fit on the accepted rows; everything the model does to a record happens inside the pipeline."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    trees = HistGradientBoostingRegressor(
        loss="absolute_error",
        max_iter=int(params.get("trees", 60)),
        random_state=0,
    )
    columns = ColumnTransformer([("codes", codes, WORDS), ("numbers", "passthrough", NUMBERS)])
    model = Pipeline([("columns", columns), ("trees", trees)])
    return model.fit(data[WORDS + NUMBERS], data["delay"])
