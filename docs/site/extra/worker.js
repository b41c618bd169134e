// A page that is opened as a file may start no Worker, and the search runs in one. Here a hidden
// frame runs the worker's script in its place, and messages pass between the two windows.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      this.send = inside.postMessage.bind(inside);
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inside.document.createElement("script");
      script.src = url;
      this.loaded = new Promise((resolve) => script.addEventListener("load", resolve));
      inside.document.head.append(script);
    }
    postMessage(data) {
      this.loaded.then(() => this.send(data, "*"));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
