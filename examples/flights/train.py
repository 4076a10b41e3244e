"""Does this flight arrive more than 15 minutes late? Gradient boosting on the timetable."""

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

WORDS = ["carrier", "origin", "dest"]
NUMBERS = ["month", "day", "weekday", "hour", "minute", "distance"]


def train(data: pd.DataFrame, params: dict[str, float]) -> Pipeline:
    """Fit on the accepted rows; everything the model does to a record happens inside the pipeline."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    trees = HistGradientBoostingClassifier(
        max_iter=int(params.get("trees", 150)),
        learning_rate=params.get("learning_rate", 0.1),
        random_state=0,
    )
    columns = ColumnTransformer([("codes", codes, WORDS), ("numbers", "passthrough", NUMBERS)])
    model = Pipeline([("columns", columns), ("trees", trees)])
    return model.fit(data[WORDS + NUMBERS], data["late"])
