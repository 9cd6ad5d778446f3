// What SAP does and CAP does not: documents and account assignments without a number get one.
const cds = require('@sap/cds')

const numbers = { PurchaseOrder: 4500000000, PurchaseReqn: 10000000 }
const keys = { PurchaseOrder: 'PurchaseOrder', PurchaseReqn: 'PurchaseRequisition' }

function number(entity, document) {
  document[keys[entity]] ??= String(++numbers[entity])
  for (const item of document._PurchaseRequisitionItem ?? [])
    (item._PurchaseReqnAcctAssgmt ?? []).forEach((one, place) => { one.PurchaseReqnAcctAssgmtNumber ??= String(place + 1) })
}

cds.on('served', services => {
  for (const service of Object.values(services))
    for (const entity of Object.keys(keys))
      if (service.entities?.[entity])
        service.before('CREATE', entity, request => number(entity, request.data))
})
