"""Is this page phishing? Logistic regression on nine signs."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler


def train(data: pd.DataFrame, params: dict[str, float]) -> Pipeline:
    """Fit on every column but the answer."""
    model = Pipeline(
        [
            ("scale", StandardScaler()),
            ("logistic", LogisticRegression(C=params.get("C", 1.0))),
        ]
    )
    return model.fit(data.drop(columns="is_phishing"), data["is_phishing"])
