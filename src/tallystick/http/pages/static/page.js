// Says on this page what a shop would hear: the plan that was chosen.
const chosen = document.querySelector("#chosen");
document.addEventListener("tallystick-select", (event) => {
  const { planId, priceVariantId } = event.detail;
  chosen.textContent = priceVariantId ? `Chosen: ${planId} (${priceVariantId})` : `Chosen: ${planId}`;
});
