"""LG7020 to LG7029: who may hand records to the sealer."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG7020",
        "A spool lies there that nobody who may append began",
        "The sealer carries files of gateways that the house, `predict` or `feedback` wrote into the book of ids "
        "before they began, and of those that an enrolled appender said first. A file under another name was put there "
        "by somebody who can write into the folder, such as a gateway that was taken over: sealed, its records would "
        "look like a gateway's.",
        "Look at the file and find out who wrote it. It stays where it is; delete it once you know. Nothing of it is "
        "in the log.",
    ),
    Finding(
        "LG7021",
        "An appender left out a record, or sent what is none",
        "Each gateway numbers its records without a gap. What comes out of order, under another gateway's id, or in "
        "another form is not taken: a record that is left out must show.",
        "Look at the machine that sent it. Its spool holds what it did not send; what was taken before is sealed.",
    ),
    Finding(
        "LG7022",
        "A file in the spool is not only the appender's",
        "The sealer asks the kernel whose the file is that it reads: it must belong to the user who serves, and nobody "
        "else may write it. Otherwise another user of this machine could have records sealed.",
        "Look at the file with `ls -ln .lockgate/state/spool`, and at who can write into that folder.",
    ),
    Finding(
        "LG7023",
        "This appender is not enrolled",
        "Records are taken from the user who serves, and from certificates and users that were enrolled here, for as "
        "long as a certificate is valid. Anybody else could fill the log with records of predictions that nobody made.",
        "On the machine that seals: `lockgate log appender add NAME --cert FILE`, or `--uid UID` for a user of it.",
    ),
    Finding(
        "LG7024",
        "This gateway's id belongs to another appender",
        "A gateway belongs to whoever said its id first. Otherwise one machine could continue the records of another. "
        "A mirror says it of a sealer elsewhere that has more of a gateway than was made here: somebody else used its "
        "id, the end of the spool was lost with the power, or the other side does not say the truth.",
        "If a machine was renamed, or its certificate renewed under another name, end its gateway and start it again: "
        "it gets another id. A mirror sends no more of that gateway, and keeps its file: compare it with the log.",
    ),
    Finding(
        "LG7025",
        "An appender went past a limit",
        "Each appender has so many connections, bytes that wait to be sealed, and ids a day, and must not be silent or "
        "slow for long. Otherwise one could keep the others out, or fill the disk.",
        "Look at what that appender sends. Its records wait on its own machine meanwhile.",
    ),
    Finding(
        "LG7026",
        "The sealer elsewhere is not reached",
        "This mirror hands its records to a sealer on another machine. Until that one answers they wait in the spool "
        "here, durable; nothing is lost, and receipts say `pending`.",
        "Look at the network and at `lockgate log seal` there. If it says that the certificate is not enrolled, enrol "
        "it there.",
    ),
    Finding(
        "LG7027",
        "These settings do not make a connection to a sealer",
        "A sealer elsewhere is reached with mutual TLS: it needs the authority that vouches for it, and a certificate "
        "of this machine with its key. Whoever listens needs a certificate and its key.",
        "Give all of `--sealer-ca`, `--sealer-cert` and `--sealer-key`, or `--sealer unix:PATH` on the same machine; "
        "to listen, `--tls-cert` and `--tls-key`.",
    ),
    Finding(
        "LG7028",
        "The book of gateway ids cannot be used",
        "It says who began which gateway. Whoever could change it could have a planted spool sealed, so it must belong "
        "to the user who serves and nobody else may write it.",
        "Look at `.lockgate/state/gateways.jsonl` and `appenders.json`: their owner must be you, their mode 0600.",
    ),
    Finding(
        "LG7029",
        "This appender cannot be enrolled, or is not",
        "An appender has a name of letters, digits and hyphens, and one certificate or one user of this machine, which "
        "no other appender has.",
        "`lockgate log appender list` shows who is enrolled.",
    ),
)
