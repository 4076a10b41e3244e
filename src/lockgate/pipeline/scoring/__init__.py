"""Scoring a whole file: the contract, the jails, the output policy and the record of serving, without a network.

Takes      a registered model, a file of rows
Gives      a file of predictions, the rows that the contract refused, a receipt; one record in the predictions log
Trusts     verified statements alone; neither the file, nor the contract's jail, nor the model's
Threats    supply-chain attacks (the bytes that run are the registered ones), inference manipulation (the contract)
Evidence   a record of kind `file`: the Merkle root over its rows (core.row_tree)
"""
