namespace Rx.IotLink.Nano
{
    /// <summary>A message authentication code of 32 bytes. Used by one thread at a time.</summary>
    public interface IMac
    {
        /// <summary>Begins a code under a key.</summary>
        void Begin(byte[] key);

        /// <summary>Adds a part of the message.</summary>
        void Add(byte[] bytes, int offset, int count);

        /// <summary>Ends it and writes the 32 bytes of the code.</summary>
        void End(byte[] mac);
    }
}
