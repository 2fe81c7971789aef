"""The fixed words of an invoice in the languages that documents are written in.

Numbers, money and dates are not words: they come from the locale's own rules (`documents.formats`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["WORDS", "Words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one language.  Those with braces are sentences with places for figures."""

    invoice: str
    credit_note: str
    draft: str
    void: str
    paid: str
    number: str
    issued: str
    due: str
    po_number: str
    corrects: str
    currency: str
    seller: str
    buyer: str
    vat_id: str
    tax_id: str
    description: str
    quantity: str
    unit_price: str
    amount: str
    days: str
    seconds: str
    measured: str
    granted: str
    unused: str
    setup: str
    minimum: str
    late: str
    subtotal: str
    discount: str
    credit: str
    tax: str
    tax_added: str
    tax_inside: str
    exempt: str
    reverse_charge: str
    untaxed: str
    total: str
    balance: str
    amount_due: str
    note: str
    no_lines: str
    times: str


WORDS: Final[dict[str, Words]] = {
    "en": Words(
        invoice="Invoice",
        credit_note="Credit note",
        draft="Draft",
        void="Void",
        paid="Paid",
        number="Number",
        issued="Issue date",
        due="Due date",
        po_number="Purchase order",
        corrects="Corrects invoice",
        currency="Currency",
        seller="From",
        buyer="Bill to",
        vat_id="VAT ID",
        tax_id="Tax ID",
        description="Description",
        quantity="Quantity",
        unit_price="Unit price",
        amount="Amount",
        days="{part} of {whole} days",
        seconds="{part} of {whole} seconds",
        measured="{quantity} in total, {billed} charged",
        granted="Paid by grant {grant}: {units}",
        unused="Credit for unused time",
        setup="Set-up fee",
        minimum="Minimum commitment",
        late="Usage reported later",
        subtotal="Subtotal",
        discount="Discount",
        credit="Credits",
        tax="Tax",
        tax_added="{name} {percent}% on {net}",
        tax_inside="Includes {name} {percent}% on {net}",
        exempt="Tax exempt.",
        reverse_charge="Reverse charge: the customer is liable for the VAT.",
        untaxed="No tax is charged: outside the scope of tax.",
        total="Total",
        balance="Paid from balance",
        amount_due="Amount due",
        note="Note",
        no_lines="No lines",
        times="Times are in {zone}.",
    ),
    "de": Words(
        invoice="Rechnung",
        credit_note="Rechnungskorrektur",
        draft="Entwurf",
        void="Storniert",
        paid="Bezahlt",
        number="Nummer",
        issued="Rechnungsdatum",
        due="Fällig am",
        po_number="Bestellnummer",
        corrects="Korrigiert Rechnung",
        currency="Währung",
        seller="Von",
        buyer="Rechnung an",
        vat_id="USt-IdNr.",
        tax_id="Steuernummer",
        description="Beschreibung",
        quantity="Menge",
        unit_price="Einzelpreis",
        amount="Betrag",
        days="{part} von {whole} Tagen",
        seconds="{part} von {whole} Sekunden",
        measured="insgesamt {quantity}, berechnet {billed}",
        granted="Durch Guthaben {grant} bezahlt: {units}",
        unused="Erstattung für ungenutzte Zeit",
        setup="Einrichtungsgebühr",
        minimum="Mindestumsatz",
        late="Nachträglich gemeldete Nutzung",
        subtotal="Zwischensumme",
        discount="Rabatt",
        credit="Guthaben",
        tax="Steuer",
        tax_added="{name} {percent} % auf {net}",
        tax_inside="Enthält {name} {percent} % auf {net}",
        exempt="Steuerfrei.",
        reverse_charge="Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge).",
        untaxed="Ohne Steuer: nicht steuerbar.",
        total="Gesamtbetrag",
        balance="Aus Guthaben bezahlt",
        amount_due="Zu zahlen",
        note="Hinweis",
        no_lines="Keine Positionen",
        times="Uhrzeiten in {zone}.",
    ),
    "fr": Words(
        invoice="Facture",
        credit_note="Avoir",
        draft="Brouillon",
        void="Annulée",
        paid="Payée",
        number="Numéro",
        issued="Date d’émission",
        due="Date d’échéance",
        po_number="Bon de commande",
        corrects="Corrige la facture",
        currency="Devise",
        seller="Émetteur",
        buyer="Facturé à",
        vat_id="N° de TVA",
        tax_id="N° fiscal",
        description="Description",
        quantity="Quantité",
        unit_price="Prix unitaire",
        amount="Montant",
        days="{part} jours sur {whole}",
        seconds="{part} secondes sur {whole}",
        measured="{quantity} au total, {billed} facturés",
        granted="Payé par le crédit {grant} : {units}",
        unused="Crédit pour la période non utilisée",
        setup="Frais de mise en service",
        minimum="Engagement minimum",
        late="Consommation signalée après coup",
        subtotal="Sous-total",
        discount="Remise",
        credit="Crédits",
        tax="Taxes",
        tax_added="{name} {percent} % sur {net}",
        tax_inside="Dont {name} {percent} % sur {net}",
        exempt="Exonéré de taxe.",
        reverse_charge="Autoliquidation : la TVA est due par le client.",
        untaxed="Sans taxe : hors champ d’application.",
        total="Total",
        balance="Réglé par le solde",
        amount_due="Montant à payer",
        note="Remarque",
        no_lines="Aucune ligne",
        times="Heures : {zone}.",
    ),
    "es": Words(
        invoice="Factura",
        credit_note="Nota de crédito",
        draft="Borrador",
        void="Anulada",
        paid="Pagada",
        number="Número",
        issued="Fecha de emisión",
        due="Fecha de vencimiento",
        po_number="Orden de compra",
        corrects="Corrige la factura",
        currency="Moneda",
        seller="Emisor",
        buyer="Facturar a",
        vat_id="NIF-IVA",
        tax_id="Identificación fiscal",
        description="Descripción",
        quantity="Cantidad",
        unit_price="Precio unitario",
        amount="Importe",
        days="{part} de {whole} días",
        seconds="{part} de {whole} segundos",
        measured="{quantity} en total, {billed} facturados",
        granted="Pagado con el crédito {grant}: {units}",
        unused="Abono por tiempo no utilizado",
        setup="Cuota de alta",
        minimum="Compromiso mínimo",
        late="Consumo comunicado más tarde",
        subtotal="Subtotal",
        discount="Descuento",
        credit="Créditos",
        tax="Impuestos",
        tax_added="{name} {percent} % sobre {net}",
        tax_inside="Incluye {name} {percent} % sobre {net}",
        exempt="Exento de impuestos.",
        reverse_charge="Inversión del sujeto pasivo: el cliente liquida el IVA.",
        untaxed="Sin impuestos: operación no sujeta.",
        total="Total",
        balance="Pagado con el saldo",
        amount_due="Importe a pagar",
        note="Nota",
        no_lines="Sin líneas",
        times="Horas en {zone}.",
    ),
    "it": Words(
        invoice="Fattura",
        credit_note="Nota di credito",
        draft="Bozza",
        void="Annullata",
        paid="Pagata",
        number="Numero",
        issued="Data di emissione",
        due="Data di scadenza",
        po_number="Ordine d’acquisto",
        corrects="Corregge la fattura",
        currency="Valuta",
        seller="Emittente",
        buyer="Intestata a",
        vat_id="Partita IVA",
        tax_id="Codice fiscale",
        description="Descrizione",
        quantity="Quantità",
        unit_price="Prezzo unitario",
        amount="Importo",
        days="{part} giorni su {whole}",
        seconds="{part} secondi su {whole}",
        measured="{quantity} in totale, {billed} addebitati",
        granted="Pagato con il credito {grant}: {units}",
        unused="Accredito per il tempo non utilizzato",
        setup="Costo di attivazione",
        minimum="Impegno minimo",
        late="Consumo comunicato in seguito",
        subtotal="Totale parziale",
        discount="Sconto",
        credit="Crediti",
        tax="Imposte",
        tax_added="{name} {percent}% su {net}",
        tax_inside="Include {name} {percent}% su {net}",
        exempt="Esente da imposta.",
        reverse_charge="Inversione contabile: l’IVA è a carico del cliente.",
        untaxed="Senza imposta: operazione fuori campo.",
        total="Totale",
        balance="Pagato con il saldo",
        amount_due="Importo da pagare",
        note="Nota",
        no_lines="Nessuna riga",
        times="Orari: {zone}.",
    ),
    "nl": Words(
        invoice="Factuur",
        credit_note="Creditfactuur",
        draft="Concept",
        void="Vervallen",
        paid="Betaald",
        number="Nummer",
        issued="Factuurdatum",
        due="Vervaldatum",
        po_number="Inkooporder",
        corrects="Corrigeert factuur",
        currency="Valuta",
        seller="Van",
        buyer="Factuur aan",
        vat_id="Btw-nummer",
        tax_id="Fiscaal nummer",
        description="Omschrijving",
        quantity="Aantal",
        unit_price="Prijs per stuk",
        amount="Bedrag",
        days="{part} van {whole} dagen",
        seconds="{part} van {whole} seconden",
        measured="{quantity} in totaal, {billed} berekend",
        granted="Betaald met tegoed {grant}: {units}",
        unused="Tegoed voor ongebruikte tijd",
        setup="Opstartkosten",
        minimum="Minimumafname",
        late="Later gemeld verbruik",
        subtotal="Subtotaal",
        discount="Korting",
        credit="Tegoeden",
        tax="Belasting",
        tax_added="{name} {percent}% over {net}",
        tax_inside="Inclusief {name} {percent}% over {net}",
        exempt="Vrijgesteld van belasting.",
        reverse_charge="Btw verlegd naar de afnemer.",
        untaxed="Zonder belasting: niet belastbaar.",
        total="Totaal",
        balance="Betaald uit saldo",
        amount_due="Te betalen",
        note="Opmerking",
        no_lines="Geen regels",
        times="Tijden in {zone}.",
    ),
}
"""The words of each language by its code; `en` stands in for all others."""
