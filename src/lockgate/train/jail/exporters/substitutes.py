"""What to use in place of a step that does not convert. Pure."""

from __future__ import annotations

_SUBSTITUTES = {
    "HashingVectorizer": "use TfidfVectorizer: it keeps its vocabulary",
    "FeatureHasher": "use OneHotEncoder(handle_unknown='ignore')",
    "DictVectorizer": "use OneHotEncoder in a ColumnTransformer",
    "SplineTransformer": "use KBinsDiscretizer or PolynomialFeatures",
    "IterativeImputer": "use SimpleImputer",
    "KNNImputer": "use SimpleImputer",
    "LinearSVC": "wrap it in CalibratedClassifierCV",
    "NearestCentroid": "use KNeighborsClassifier or LinearDiscriminantAnalysis",
    "RadiusNeighborsClassifier": "use KNeighborsClassifier",
    "RadiusNeighborsRegressor": "use KNeighborsRegressor",
    "GaussianProcessClassifier": "use SVC(probability=True) or LogisticRegression",
    "GaussianProcessRegressor": "use KernelRidge's cousins that convert: SVR, or HistGradientBoostingRegressor",
    "KernelRidge": "use SVR",
    "OneVsOneClassifier": "use OneVsRestClassifier",
    "OutputCodeClassifier": "use OneVsRestClassifier",
    "LabelPropagation": "use KNeighborsClassifier",
    "LabelSpreading": "use KNeighborsClassifier",
    "Nystroem": "use PolynomialFeatures, or SVC(probability=True)",
    "RBFSampler": "use PolynomialFeatures, or SVC(probability=True)",
    "KernelPCA": "use PCA",
    "NMF": "use TruncatedSVD",
    "FastICA": "use PCA",
    "Isomap": "use PCA",
    "MultiOutputClassifier": "train one model per label: a contract has one",
    "MultiOutputRegressor": "train one model per label: a contract has one",
    "ClassifierChain": "train one model per label: a contract has one",
    "RegressorChain": "train one model per label: a contract has one",
    "XGBRanker": "train a regressor of the relevance: XGBRegressor",
    "LGBMRanker": "train a regressor of the relevance: LGBMRegressor",
    "XGBRFClassifier": "use XGBClassifier(num_parallel_tree=...)",
    "CatBoostClassifier": "use LGBMClassifier or HistGradientBoostingClassifier",
    "CatBoostRegressor": "use LGBMRegressor or HistGradientBoostingRegressor",
}
_OTHERWISE = "use another step (lockgate explain LG338), or make the feature in features.py"


def substitute_of(kind: str) -> str:
    """What to do instead of a class."""
    return _SUBSTITUTES.get(kind, _OTHERWISE)
