"""Import: a model that was made elsewhere, by digest and signer.

Takes     a folder: Hugging Face, MLflow, or any other; a name; perhaps a signer's key, or the digest to expect.
Gives     `name@version` in the registry, write-once, and an import statement that pins digest and signer.
Trusts    nothing that lies in the folder. A person's word stands for the digest; the signer's key for the signature.
Threats   code in disguise or beside the weights; files that change under our hands; another model under the old name.
Evidence  a scan statement, whatever it found; an import statement, which is the commit.
"""
