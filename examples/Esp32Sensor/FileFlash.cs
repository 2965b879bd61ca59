using System.IO;
using Rx.IotLink.Nano;

namespace Esp32Sensor
{
    /// <summary>
    /// Two small files as the memory that outlives a loss of power. nanoFramework opens and closes a file for each
    /// write, so what was written is on the flash when the call returns.
    /// </summary>
    public sealed class FileFlash : IFlash
    {
        private readonly string path;

        /// <summary>Names the files; the first write makes them.</summary>
        /// <param name="path">As <c>I:\outbox</c>; a digit is added.</param>
        /// <param name="areaBytes">The most bytes of each file.</param>
        public FileFlash(string path, int areaBytes)
        {
            this.path = path;
            AreaBytes = areaBytes;
        }

        /// <inheritdoc/>
        public int AreaBytes { get; }

        /// <inheritdoc/>
        public int Read(int area, int position, byte[] buffer, int offset, int count)
        {
            if (!File.Exists(Name(area)))
                return 0;
            using (FileStream file = new FileStream(Name(area), FileMode.Open, FileAccess.Read))
            {
                if (position >= file.Length)
                    return 0;
                file.Position = position;
                return file.Read(buffer, offset, count);
            }
        }

        /// <inheritdoc/>
        public void Write(int area, int position, byte[] buffer, int offset, int count)
        {
            using (FileStream file = new FileStream(Name(area), position == 0 ? FileMode.Create : FileMode.Open, FileAccess.Write))
            {
                file.Position = position;
                file.Write(buffer, offset, count);
                file.Flush();
                // Where the flash is full, the system writes less and says nothing.
                if (file.Length < position + count)
                    throw new IOException("the flash is full");
            }
        }

        private string Name(int area)
        {
            return path + area.ToString();
        }
    }
}
