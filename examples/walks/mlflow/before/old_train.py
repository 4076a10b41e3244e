"""What the team ran last spring, on somebody's laptop."""

import mlflow
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

data = pd.read_csv("members.csv")
train = data[data.joined < "2025-07-01"]
features = ["age", "plan", "visits", "months", "price"]

model = Pipeline([
    ("prepare", ColumnTransformer([
        ("plan", OneHotEncoder(handle_unknown="ignore"), ["plan"]),
        ("numbers", SimpleImputer(strategy="median"), ["age", "visits", "months", "price"]),
    ])),
    ("boost", GradientBoostingClassifier(n_estimators=40, max_depth=3, random_state=1)),
])

mlflow.set_tracking_uri("file:mlruns")
mlflow.set_experiment("gym")
with mlflow.start_run(run_name="spring"):
    mlflow.log_params({"n_estimators": 40, "max_depth": 3})
    model.fit(train[features], train["cancelled"])
    mlflow.log_metric("train_accuracy", model.score(train[features], train["cancelled"]))
    mlflow.sklearn.log_model(model, name="model", serialization_format="cloudpickle")
