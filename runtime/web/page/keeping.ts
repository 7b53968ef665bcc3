/** Keeping the page in the browser, for visits without a network. */

const KEPT = "The page and its model are kept in this browser, and open without a network.";
const NOT_KEPT = "This browser keeps no page, so the next visit needs the network.";

/** Registers the service worker; resolves with what there is to say once the page's files are kept. */
export async function keepOffline(): Promise<string> {
  try {
    await navigator.serviceWorker.register(new URL("offline.js", document.baseURI));
    await navigator.serviceWorker.ready;
    return KEPT;
  } catch {
    return NOT_KEPT; // none in this browser, or a private window
  }
}
