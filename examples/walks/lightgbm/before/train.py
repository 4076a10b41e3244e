import joblib
import lightgbm as lgb
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

CATEGORIES = ["housing", "purpose", "state"]

df = pd.read_csv("loans.csv")
df["defaulted"] = (df["defaulted"] == "yes").astype(int)
df["burden"] = df["amount"] / df["income"]
for name in CATEGORIES:
    df[name] = df[name].astype("category")

X = df.drop(columns=["application_id", "defaulted"])
y = df["defaulted"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42, stratify=y)

model = lgb.LGBMClassifier(n_estimators=150, learning_rate=0.05, num_leaves=15, verbose=-1)
model.fit(X_train, y_train)

print("AUC", roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]))
joblib.dump(model, "model.joblib")
