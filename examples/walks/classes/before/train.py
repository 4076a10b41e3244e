import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split

df = pd.read_csv("line.csv")
df = pd.get_dummies(df, columns=["line"])
X = df.drop(columns=["time", "fault"])
X_train, X_test, y_train, y_test = train_test_split(X, df["fault"], test_size=0.2, random_state=0)

model = RandomForestClassifier(n_estimators=150, class_weight="balanced", random_state=0)
model.fit(X_train, y_train)
print(classification_report(y_test, model.predict(X_test)))
