"""Which pumps will fail within a week."""

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import classification_report
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

NUMBERS = ["pressure_bar", "temperature_c", "vibration_mm_s", "running_hours"]

train = pd.read_csv("train.csv")
test = pd.read_csv("test.csv")

model = Pipeline([
    ("columns", ColumnTransformer([("site", OneHotEncoder(), ["site"]), ("numbers", "passthrough", NUMBERS)])),
    ("forest", RandomForestClassifier(n_estimators=120, min_samples_leaf=3, random_state=0)),
])
model.fit(train[["site", *NUMBERS]], train["failed"])

print(classification_report(test["failed"], model.predict(test[["site", *NUMBERS]])))
joblib.dump(model, "model.joblib")
