"""The words by which headings and types of lines are known, in several languages, letters and digits only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

_ROLES: Final = {
    "net": "net nettobetrag netto montantnet importeneto neto importonetto valorliquido netamount 净额",
    "fee": "fee fees commission gebuhr entgelt provision frais comision commissione taxa kosten markup 手续费",
    "tip": "tip tipminor gratuity trinkgeld pourboire propina mancia",
    "cashback": "cashback cashbackminor barauszahlung",
    "amount": """
        amount gross grossamount amountminor betrag brutto bruttobetrag umsatz montant montantbrut importe importebruto
        monto importo importolordo valor valorbruto bedrag brutobedrag total price value grosstransactionamount
        金额 交易金额
    """,
    "currency": "currency ccy curr wahrung wahrungscode devise moneda divisa valuta moeda currencycode 币种",
    "type": """
        type transactiontype recordtype typ art vorgang transaktionstyp kind category reportingcategory tipo soort
        typedoperation tipodetransaccion tipoditransazione 类型 交易类型
    """,
    "original": "originalreference origorderid originalorder originalreferenz referenciaoriginal parentid 原订单号",
    "reference": """
        reference ref orderid order orderno ordernumber merchantreference referenz bestellnummer auftragsnummer beleg
        belegnummer receipt receiptno commande referencecommande pedido referencia riferimento referentie
        transactionid id txnid 订单号 单号
    """,
    "arn": "arn acquirerreferencenumber acquirerreference",
    "rrn": "rrn retrievalreferencenumber",
    "approval": """
        authcode approvalcode authorisationcode authorizationcode auth approval autorisierungscode genehmigungsnummer
        codedautorisation codigodeautorizacion codicediautorizzazione 授权码
    """,
    "merchant": """
        merchant merchantnumber merchantno merchantid mid handlernummer vertragsnummer numerodecommercant comercio
        esercente 商户号
    """,
    "terminal": "terminal terminalid tid",
    "mcc": "mcc merchantcategorycode",
    "batch": """
        batch batchnumber settlement payoutid automaticpayoutid abrechnung abrechnungsnummer remise lote lotto
        批次 批次号
    """,
}
_KINDS: Final = {
    "purchase": """
        sale sales purchase charge settled payment verkauf zahlung kauf vente achat venta compra vendita 消费 销售
    """,
    "refund": """
        refund refunded return credit gutschrift erstattung remboursement reembolso devolucion rimborso 退款 退货
    """,
    "reversal": "void reversal reversed storno annulation anulacion 撤销",
    "chargeback": "chargeback dispute cbk ruckbelastung impaye contracargo 拒付",
}
_CLASSES: Final = {
    "ACQ_FEE": "fee fees gebuhr frais comision commissione adjustment 手续费",
    "PAYOUT": "payout merchantpayout auszahlung versement virement pago pagamento 付款",
    "BALANCE": "carried balancetransfer balance ubertrag report arrastre riporto 结转",
    "TRAILER": "total totals trailer sum summe gesamt gesamtsumme totale 合计",
}


def _by_word(words: Mapping[str, str]) -> dict[str, str]:
    return {word: name for name, some in words.items() for word in some.split()}


_ROLE_OF, _KIND_OF, _CLASS_OF = _by_word(_ROLES), _by_word(_KINDS), _by_word(_CLASSES)


def role_of(heading: str) -> str:
    """What a column is by its heading; empty where the heading does not tell."""
    return _ROLE_OF.get(_plain(heading), "")


def kind_of(word: str) -> str | None:
    """The kind of record that a word of a type column means, where it is one that everybody uses."""
    return _first(word, _KIND_OF)


def class_of(word: str) -> str | None:
    """The class of a line that is no record, where the word is one that everybody uses."""
    return _first(word, _CLASS_OF)


def _first(word: str, known: Mapping[str, str]) -> str | None:
    parts = [_plain(part) for part in re.split(r"[\s_/-]+", word)]
    return next((known[part] for part in (_plain(word), *parts) if part in known), None)


def _plain(text: str) -> str:
    """Letters without accents, and digits."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in letters if letter.isalnum())
