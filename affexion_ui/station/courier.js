// Brings the server's words to the station of the same key, and its mail to the server.

export default function ({ data, setTriggerValue }) {
  const channel = ((window.affexionStations ??= {})[data.key] ??= {});
  const send = (mail) => setTriggerValue("mail", mail);
  channel.send = send;
  channel.said = data;
  channel.receive?.(data);
  return () => {
    if (channel.send === send) delete channel.send;
  };
}
