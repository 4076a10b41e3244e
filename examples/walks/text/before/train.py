import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split

df = pd.read_csv("tickets.csv").dropna()
train, test = train_test_split(df, test_size=0.2, random_state=1)

vec = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
X = vec.fit_transform(train["text"])
clf = LogisticRegression(C=5, max_iter=1000)
clf.fit(X, train["queue"])

print(classification_report(test["queue"], clf.predict(vec.transform(test["text"]))))
