import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error

df = pd.read_csv("demand.csv", parse_dates=["hour"])
df["lag_24"] = df["megawatts"].shift(24)
df["lag_168"] = df["megawatts"].shift(168)
df["mean_24"] = df["megawatts"].shift(24).rolling(24).mean()
df["hour_of_day"] = df["hour"].dt.hour
df["weekday"] = df["hour"].dt.dayofweek
df = df.dropna()

train, test = df[df["hour"] < "2024-12-01"], df[df["hour"] >= "2024-12-01"]
inputs = ["temperature", "lag_24", "lag_168", "mean_24", "hour_of_day", "weekday"]
model = HistGradientBoostingRegressor(random_state=0).fit(train[inputs], train["megawatts"])
print("MAE", mean_absolute_error(test["megawatts"], model.predict(test[inputs])))
