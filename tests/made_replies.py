"""Banks' answers to payouts, made by hand: a status report and a notification of what came back."""

from __future__ import annotations

from settlement import books
from settlement.model.payout import Batch
from settlement.payout import replies
from settlement.store import Home

LATER = "2011-01-05T10:00:00Z"


def report(batch: Batch, *statuses: tuple[str, str], group: str = "") -> bytes:
    """A pain.002 about payments of a batch, each with its code."""
    told = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId><TxSts>{code}</TxSts>"
        "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf></TxInfAndSts>"
        for name, code in statuses
    )
    inside = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{batch.batch_id}</OrgnlPmtInfId>{told}</OrgnlPmtInfAndSts>"
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>R1</MsgId>'
        "<CreDtTm>2011-01-05T09:00:00</CreDtTm></GrpHdr><OrgnlGrpInfAndSts>"
        f"<OrgnlMsgId>{batch.batch_id}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{group}"
        f"</OrgnlGrpInfAndSts>{inside if statuses else ''}</CstmrPmtStsRpt></Document>"
    ).encode()


def returned(payment: str, amount: str) -> bytes:
    """A camt.054 in which a payment of so much came back."""
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn><GrpHdr>'
        f"<MsgId>N-{payment}-{amount}</MsgId><CreDtTm>2011-01-06T09:00:00</CreDtTm></GrpHdr><Ntfctn><Id>N1</Id>"
        "<CreDtTm>2011-01-06T09:00:00</CreDtTm>"
        "<Acct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id><Ccy>USD</Ccy></Acct>"
        f'<Ntry><Amt Ccy="USD">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        "<BookgDt><Dt>2011-01-06</Dt></BookgDt><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>RRTN</SubFmlyCd>"
        "</Fmly></Domn></BkTxCd><NtryDtls><TxDtls>"
        f'<Refs><EndToEndId>{payment}</EndToEndId></Refs><Amt Ccy="USD">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    ).encode()


def read(home: Home, content: bytes, name: str = "reply.xml") -> replies.Told:
    return replies.read(home, books.connect(home), name, content, "fay", LATER)
