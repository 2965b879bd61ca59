namespace Rx.IotLink.Nano.Flash
{
    /// <summary>The options of a link that keeps its outbox.</summary>
    internal sealed class KeepingSettings : RunSettings
    {
        private readonly Keeper keeper;

        public KeepingSettings(NanoClientOptions options, Keeper keeper)
            : base(options)
        {
            this.keeper = keeper;
        }

        public override Keeper Keeper
        {
            get { return keeper; }
        }
    }
}
